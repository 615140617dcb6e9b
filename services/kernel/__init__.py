"""What two services must agree on: words, formats, failure classes, AWS access, observation."""
