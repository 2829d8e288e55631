"""A game without a screen, as on a build server: three seconds of play, the end delivered before it exits.

python examples/headless.py [ENDPOINT]
"""

import os
import sys

os.environ["SDL_VIDEODRIVER"] = "dummy"

import pygame

import gs_pygame

plugin = gs_pygame.install(
    app="Headless",
    author="gs_pygame",
    endpoint=sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8765",
    script_data={"score": 42},
)

pygame.init()
pygame.display.set_mode((64, 64))
clock = pygame.time.Clock()
for _ in range(180):
    pygame.event.get()
    pygame.display.flip()
    clock.tick(60)

gs_pygame.EndSessionRequest(script_data={"level": 3}).send(
    lambda response: print(f"the server counted {response.session_duration} ms")
)
delivered = plugin.flush(timeout=5)
print("delivered" if delivered else "kept on disk until the next start")
sys.exit(0 if delivered else 1)
