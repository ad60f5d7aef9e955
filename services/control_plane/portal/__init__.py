"""The pages that people see. It stands above all domains."""
