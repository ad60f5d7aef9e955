"""What people decide and hear of: settings, approvals, webhooks, notices."""
