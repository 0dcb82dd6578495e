/** Callbacks that wait for room in the sink, first in, first out. */
export class RoomQueue {
  #waiting: (() => void)[] = [];
  #head = 0;
  #scheduled = false;

  readonly #hasRoom: () => boolean;

  /** @param hasRoom Called before each callback: the callback before may have taken the room. */
  constructor(hasRoom: () => boolean) {
    this.#hasRoom = hasRoom;
  }

  get length(): number {
    return this.#waiting.length - this.#head;
  }

  /** Calls back once there is room: at once if there is and no other callback waits. */
  wait(callback: () => void): void {
    if (this.length === 0 && this.#hasRoom()) {
      callback();
      return;
    }
    this.#waiting.push(callback);
    this.roomMade();
  }

  /** There may be room: calls back as many as have room, after the present call stack. */
  roomMade(): void {
    if (this.#scheduled || this.length === 0 || !this.#hasRoom()) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      try {
        this.#callWhileRoom();
      } finally {
        // A callback that throws does not block those behind it.
        this.roomMade();
      }
    });
  }

  /** Calls back all that wait now, room or not. */
  callAll(): void {
    for (let left = this.length; left > 0; left--) this.#next()();
  }

  #callWhileRoom(): void {
    while (this.length > 0 && this.#hasRoom()) this.#next()();
  }

  #next(): () => void {
    const callback = this.#waiting[this.#head]!;
    this.#waiting[this.#head++] = forgotten;
    if (this.#head > 1024 && this.#head * 2 > this.#waiting.length) {
      this.#waiting.splice(0, this.#head);
      this.#head = 0;
    }
    if (this.length === 0) {
      this.#waiting = [];
      this.#head = 0;
    }
    return callback;
  }
}

function forgotten(): void {
  // Takes the place of a callback that was called.
}
