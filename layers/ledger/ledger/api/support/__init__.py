"""The routes of support's acts, a noun a file: `functions/review_cases` serves them."""
