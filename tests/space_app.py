"""The app as a Space runs it, with Hugging Face's router at another address: python -m tests.space_app URL."""

import sys
from dataclasses import replace

import app
from omni.config import Settings

if __name__ == "__main__":
    sys.exit(app.main(replace(Settings.from_env(), hf_router_url=sys.argv[1])))
