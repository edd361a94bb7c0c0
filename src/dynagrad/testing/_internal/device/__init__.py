"""What ``common_device_type`` lists, a file per idea."""
