import { readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { repositoryPath } from '../testing/command.js';

export interface Import {
  readonly from: string;
  readonly to: string;
  readonly line: number;
}

export type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** The shape of `.ci/house/imports.mjs`, which the linter and the commands in `.ci` use too. */
interface Imports {
  isTest(file: string): boolean;
  isArrow(found: Import): boolean;
  folderOf(file: string): string;
  sourceImports(): Import[];
  folderGraph(imports?: readonly Import[]): Graph;
  readDrawing(text?: string): Graph;
  drawn(graph: Graph): string;
  circles(graph: ReadonlyMap<string, Iterable<string>>): string[][];
}

export interface ExportedName {
  readonly name: string;
  readonly file: string;
  readonly folder: string;
  readonly kind: 'class' | 'interface' | 'type' | 'function' | 'value';
}

/** The shape of `.ci/house/exports.mjs`. */
interface Exports {
  exportedNames(): ExportedName[];
}

export interface ErrorClass {
  readonly name: string;
  readonly file: string;
  /** Undefined for a class without a list of its own. */
  readonly codes: readonly string[] | undefined;
}

export interface CatalogueRow {
  readonly code: string;
  readonly className: string;
  readonly when: string;
  readonly advice: string;
}

/** The shape of `.ci/house/error-catalogue.mjs`. */
interface ErrorCatalogue {
  errorClasses(): Promise<ErrorClass[]>;
  readPage(): CatalogueRow[];
}

const load = (file: string): Promise<unknown> => import(pathToFileURL(repositoryPath(`.ci/house/${file}`)).href);

export const loadImports = async (): Promise<Imports> => (await load('imports.mjs')) as Imports;
export const loadExports = async (): Promise<Exports> => (await load('exports.mjs')) as Exports;
export const loadCatalogue = async (): Promise<ErrorCatalogue> => (await load('error-catalogue.mjs')) as ErrorCatalogue;

/** The TypeScript files of workspaces, relative to the top folder. */
export function sourcesOf(workspaces: readonly string[]): string[] {
  return workspaces.flatMap((workspace) =>
    readdirSync(repositoryPath(workspace), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !/(^|\/)(dist|node_modules)\//.test(file))
      .map((file) => `${workspace}/${file}`),
  );
}
