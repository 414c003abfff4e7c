"""`python -m bot` is `sqlite-courier`."""

from bot.cli.main import main

if __name__ == "__main__":
    main()
