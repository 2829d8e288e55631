"""What is kept: open sessions, ends and receipts, on disk and for a while in memory."""
