"""Mutation measurement: plant the mistakes the rules are about, and count those found."""
