"""The API for the frontend, the tagging service and support: what is asked, what is answered, and who may."""
