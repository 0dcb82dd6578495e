/** A package that the types of `openwhisk` import and that `openwhisk` does not depend on. Only `routes` need it. */
declare module 'swagger-schema-official' {
  export type Spec = Record<string, unknown>;
}
