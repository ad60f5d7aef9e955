"""What has no domain: the unit of work, problems, pagination, security, audit."""
