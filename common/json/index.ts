export { scanJson } from './scan.js';
