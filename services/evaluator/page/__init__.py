"""What a run was and what it reached, as one page for people: HTML that needs nothing else, or Markdown."""
