"""What applications used of APIs: taken from the pods, kept, and reported."""
