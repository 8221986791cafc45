"""The operator: keeps what policies ask for true, and says in their status what it found."""
