"""What stands beside an exported model and runs it: files that import nothing of headgate."""
