import { Command } from 'commander';
export function deployCommand(_t: any) { return new Command('deploy'); }
