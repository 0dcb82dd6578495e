/** Those who wait for room in the sink, first come first served. */
export class RoomQueue {
  #waiting: (() => void)[] = [];
  #head = 0;
  #scheduled = false;

  readonly #hasRoom: () => boolean;

  /** @param hasRoom asked before each one is let in: it may take the room that there is. */
  constructor(hasRoom: () => boolean) {
    this.#hasRoom = hasRoom;
  }

  get length(): number {
    return this.#waiting.length - this.#head;
  }

  /** Calls back once there is room: at once if there is and nobody else waits. */
  wait(callback: () => void): void {
    if (this.length === 0 && this.#hasRoom()) {
      callback();
      return;
    }
    this.#waiting.push(callback);
    this.roomMade();
  }

  /** There may be room: lets in whom it has room for, once the present call stack is done. */
  roomMade(): void {
    if (this.#scheduled || this.length === 0 || !this.#hasRoom()) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      try {
        this.#letIn();
      } finally {
        // One whose callback threw does not keep out those behind it.
        this.roomMade();
      }
    });
  }

  /** Lets in all who wait now, room or not. */
  letAllIn(): void {
    for (let left = this.length; left > 0; left--) this.#next()();
  }

  #letIn(): void {
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
  // Stands where a callback was that has been called.
}
