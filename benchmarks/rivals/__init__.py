"""What a user would run instead: readers of others, each in processes and an environment of its own."""
