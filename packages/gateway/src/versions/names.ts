/** Name of the header and of the query parameter by which a client asks for a version, and of the header that says which one answered. */
export const versionName = 'api-version';

/** Routes of one shape answer the same requests, whatever they call what is in the path. */
export function shapeOf({ method, path }: { readonly method: string; readonly path: string }): string {
  return `${method} ${path.replaceAll(/:[^/]+/g, ':')}`;
}
