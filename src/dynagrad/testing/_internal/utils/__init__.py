"""What ``common_utils`` lists, a file per idea."""
