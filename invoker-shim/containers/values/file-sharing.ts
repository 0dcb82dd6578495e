import type { DataSink, HandoverFile } from '../../sink/value.js';

/** A hand-over file as one container sees it. */
export interface OfferedFile extends HandoverFile {
  /** The file's path inside the container. */
  readonly pathThere: string;
  /** Called when the container has filled the first `bytes` bytes; absent where only `seal` matters. */
  readonly filled?: (bytes: number) => void;
}

/** The files that one container fills with the values that it hands over. */
export interface OfferedFiles {
  /** A file of `size` bytes; undefined when there can be none: the value travels as a stream then. Never rejects. */
  allocate(size: number): OfferedFile | undefined | Promise<OfferedFile | undefined>;
  /** Called when the container has ended. */
  close(): void;
}

/** Moves large values from and to one container in files instead of streams. */
export interface FileSharing {
  /** The files for the container's values. Called once. */
  offers(sink: DataSink): OfferedFiles;
  /** Makes a value's file visible to the container until `hide`. Returns its path inside the container; undefined when it cannot be shown. */
  show(path: string): string | undefined;
  /** Ends the container's use of a shown file. */
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

/** For containers that see no files of this machine. */
export const noFiles: FileSharing = {
  offers: () => ({ allocate: () => undefined, close: () => undefined }),
  show: () => undefined,
  hide: () => undefined,
};
