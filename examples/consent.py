"""May what you play be sent? A question in plain pygame, to copy into a game of yours.

Keyboard (Tab or arrows, Enter or Space), gamepad (stick or d-pad, the first button) and mouse answer it; Esc, or the
gamepad's second button, puts it off. Neither answer is chosen beforehand, and both look the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import pygame

import gs_pygame

QUESTION = "May this game report how it is played?"
DETAILS = (
    "When a session began and ended, for how long, and whether the game crashed, under a random number. "
    "Nothing about you or your computer but the kind of system. You can change this at any time in the options."
)
ANSWERS = {"granted": "Yes, send that", "denied": "No, send nothing"}
HINT = "Arrows and Enter, gamepad, or mouse.  Esc: ask me later"

DARK, PAPER, GREY, YELLOW, BLUE = "#10141c", "#f4f1e8", "#b8bfcc", "#ffd447", "#2b4a7d"
FIRST, SECOND = 0, 1  # a gamepad's buttons: to choose, and to go back
PUSHED = 0.6  # of a stick's way


def ask(screen: pygame.Surface) -> str | None:
    """`granted` or `denied`; None if the player puts it off, or closes the window (the QUIT is posted again)."""
    pygame.font.init()
    pygame.joystick.init()
    pads = {number: pygame.joystick.Joystick(number) for number in range(pygame.joystick.get_count())}
    clock, chosen, centred = pygame.time.Clock(), None, True
    names = list(ANSWERS)
    while True:
        boxes = draw(screen, chosen)
        pygame.display.flip()
        for event in pygame.event.get():
            step, done = 0, False
            if event.type == pygame.QUIT:
                pygame.event.post(event)
                return None
            if event.type == pygame.KEYDOWN:
                back = event.key == pygame.K_TAB and event.mod & pygame.KMOD_SHIFT
                if event.key in (pygame.K_RIGHT, pygame.K_DOWN, pygame.K_TAB) and not back:
                    step = 1
                elif event.key in (pygame.K_LEFT, pygame.K_UP) or back:
                    step = -1
                elif event.key == pygame.K_ESCAPE:
                    return None
                done = event.key in (pygame.K_RETURN, pygame.K_KP_ENTER, pygame.K_SPACE)
            elif event.type == pygame.JOYDEVICEADDED:
                pads[event.device_index] = pygame.joystick.Joystick(event.device_index)
            elif event.type == pygame.JOYHATMOTION:
                step = event.value[0] or -event.value[1]
            elif event.type == pygame.JOYAXISMOTION and event.axis in (0, 1):
                pushed = abs(event.value) > PUSHED
                step = (1 if event.value > 0 else -1) if pushed and centred else 0
                centred = not pushed
            elif event.type == pygame.JOYBUTTONDOWN:
                if event.button == SECOND:
                    return None
                done = event.button == FIRST
            elif event.type == pygame.MOUSEMOTION:
                chosen = next((name for name in names if boxes[name].collidepoint(event.pos)), chosen)
            elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
                hit = [name for name in names if boxes[name].collidepoint(event.pos)]
                chosen, done = (hit[0], True) if hit else (chosen, False)
            if step:
                chosen = names[(names.index(chosen) + step) % 2] if chosen else names[0 if step > 0 else -1]
            if done and chosen:
                return chosen
        clock.tick(60)


def draw(screen: pygame.Surface, chosen: str | None) -> dict[str, pygame.Rect]:
    """Draw the question at the size of the window; where the answers are."""
    width, height = screen.get_size()
    unit = max(12, min(width // 26, height // 18))
    large, small = pygame.font.Font(None, unit * 2), pygame.font.Font(None, round(unit * 1.35))
    margin = unit * 2
    screen.fill(DARK)
    top = margin
    for font, text, colour in ((large, QUESTION, PAPER), (small, DETAILS, GREY)):
        for line in wrap(font, text, width - 2 * margin):
            screen.blit(font.render(line, True, colour), (margin, top))
            top += font.get_linesize()
        top += unit
    boxes, left = {}, margin
    size = (width - 2 * margin - unit) // 2, unit * 3
    for name, words in ANSWERS.items():
        boxes[name] = box = pygame.Rect((left, top), size)
        is_chosen = name == chosen
        pygame.draw.rect(screen, BLUE, box, border_radius=unit // 3)
        pygame.draw.rect(screen, YELLOW if is_chosen else GREY, box, unit // 4 if is_chosen else 1, unit // 3)
        label = small.render(words, True, PAPER)
        screen.blit(label, label.get_rect(center=box.center))
        left += size[0] + unit
    screen.blit(small.render(HINT, True, GREY), (margin, top + size[1] + unit))
    return boxes


def wrap(font: pygame.font.Font, text: str, width: int) -> Sequence[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.size(longer)[0] <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def main() -> None:
    plugin = gs_pygame.install(
        app="Consent", author="gs_pygame examples", endpoint="http://127.0.0.1:8765", consent="pending"
    )
    pygame.init()
    screen = pygame.display.set_mode((960, 540), pygame.RESIZABLE)
    pygame.display.set_caption("May what you play be sent?")
    choice = ask(screen)
    if choice:  # else it stays as it is: kept, and not sent
        plugin.set_consent("granted" if choice == "granted" else "denied")
    print(f"The player's choice: {choice or 'later'}")
    pygame.quit()


if __name__ == "__main__":
    main()
