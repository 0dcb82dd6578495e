import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { type LogPosition, parsePosition } from './log-position.js';

const ID = /^[0-9a-f]{32}$/;

/**
 * How far a log has been carried, and the log's name, as two small files in its directory. They are replaced as a
 * whole but not forced to disk: after a crash of the machine the mark may be an older one, or none, and what lies
 * behind it is carried again, which does no harm.
 */
export class CarriedMark {
  readonly #file: string;
  readonly logId: string;

  private constructor(directory: string) {
    this.#file = path.join(directory, 'carried');
    this.logId = idIn(path.join(directory, 'log-id'));
  }

  /** Throws what the file system says. */
  static open(directory: string): CarriedMark {
    return new CarriedMark(directory);
  }

  /** Undefined when nothing was carried yet, or nothing can be read. */
  load(): LogPosition | undefined {
    const text = readText(this.#file);
    return text === undefined ? undefined : parsePosition(text);
  }

  async save({ segment, offset }: LogPosition): Promise<void> {
    const temporary = `${this.#file}.tmp`;
    await fs.promises.writeFile(temporary, `${JSON.stringify({ segment, offset })}\n`, { mode: 0o600 });
    await fs.promises.rename(temporary, this.#file);
  }
}

function idIn(file: string): string {
  const known = readText(file)?.trim();
  if (known !== undefined && ID.test(known)) return known;
  const id = randomBytes(16).toString('hex');
  fs.writeFileSync(`${file}.tmp`, `${id}\n`, { mode: 0o600 });
  fs.renameSync(`${file}.tmp`, file);
  return id;
}

function readText(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
