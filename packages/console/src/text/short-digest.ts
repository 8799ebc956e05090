/** As many characters as Docker's own command line shows. */
const DIGITS = 12

/** `name@sha256:…` or `sha256:…` with the beginning of the digest alone. */
export function withShortDigest(image: string): string {
  return image.replace(/sha256:[0-9a-f]+$/, (digest) => digest.slice(0, 'sha256:'.length + DIGITS))
}
