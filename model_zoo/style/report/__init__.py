"""Reports of a training and of an audit: one HTML file and one JSON file each."""
