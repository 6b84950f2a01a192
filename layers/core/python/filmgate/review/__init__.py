"""What people and policies decide about assets: holds, deletion, retention, and the audit log."""
