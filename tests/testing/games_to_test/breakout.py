"""A small game that lets through only the events it needs: a common speed-up, and no window event among them."""

import pygame


def main():
    pygame.init()
    screen = pygame.display.set_mode((320, 240))
    pygame.event.set_blocked(None)
    pygame.event.set_allowed([pygame.QUIT, pygame.KEYDOWN])
    clock = pygame.time.Clock()
    paddle, ball, speed = pygame.Rect(140, 220, 40, 8), pygame.Vector2(160, 120), pygame.Vector2(90, 120)
    while True:
        seconds = clock.tick(60) / 1000
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                pygame.quit()
                return
            if event.type == pygame.KEYDOWN:
                paddle.move_ip({pygame.K_LEFT: -20, pygame.K_RIGHT: 20}.get(event.key, 0), 0)
        ball += speed * seconds
        if not 0 < ball.x < 320:
            speed.x = -speed.x
        if not 0 < ball.y < 240 or paddle.collidepoint(ball):
            speed.y = -speed.y
        screen.fill("black")
        pygame.draw.rect(screen, "white", paddle)
        pygame.draw.circle(screen, "tomato", ball, 5)
        pygame.display.flip()


if __name__ == "__main__":
    main()
