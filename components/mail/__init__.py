"""Mail: SMTP in and out."""
