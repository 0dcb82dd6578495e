/** The version of this package, which `compose` writes into its output and `deploy` into annotations. */
export const version = '0.1.0';
