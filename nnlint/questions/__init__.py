"""What rules ask of the meaning of a program: questions, by the topics of the rules."""
