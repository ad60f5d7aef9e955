"""Limits that are exact across pods: credit is debited in Redis before it is spent here."""
