"""Mails as customers read them: what each says, and how it looks as text and as HTML. Pure: nothing is read or sent."""
