import type { DataSink, HandoverFile } from '../../sink/value.js';

/** A file that a container may fill. */
export interface OfferedFile extends HandoverFile {
  /** Where the container sees it. */
  readonly pathThere: string;
  /** The container has filled so many of its bytes, from the start; absent where nobody needs to know before it is sealed. */
  readonly filled?: (bytes: number) => void;
}

/** The files that one container fills with what it hands over. */
export interface OfferedFiles {
  /** A file of `size` bytes; undefined when there can be none, so that the value travels as a stream. Never rejects. */
  allocate(size: number): OfferedFile | undefined | Promise<OfferedFile | undefined>;
  /** The container has ended. */
  close(): void;
}

/** How large values leave one container, and reach it, in files instead of streams. */
export interface FileSharing {
  /** Called once. */
  offers(sink: DataSink): OfferedFiles;
  /** Where the container sees this file of a value until `hide`; undefined when it cannot. */
  show(path: string): string | undefined;
  /** The container has no use any more for what it was shown there. */
  hide(pathThere: string): void;
}

/** For containers that see this machine's files as they are. */
export const samePaths: FileSharing = {
  offers: (sink) => {
    const source = sink.handoverSource();
    return {
      allocate: (size) => {
        const file = source.allocate(size);
        return file === undefined ? undefined : { ...file, pathThere: file.path };
      },
      close: () => source.close(),
    };
  },
  show: (path) => path,
  hide: () => undefined,
};

/** For containers that see no file of this machine. */
export const noFiles: FileSharing = {
  offers: () => ({ allocate: () => undefined, close: () => undefined }),
  show: () => undefined,
  hide: () => undefined,
};
