"""Run the command without its script: `python -m cli`."""

from cli.main import main

if __name__ == "__main__":
    main()
