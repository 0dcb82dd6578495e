/** The version of this package, which `compose` writes into what it prints and `deploy` into annotations. */
export const version = '0.1.0';
