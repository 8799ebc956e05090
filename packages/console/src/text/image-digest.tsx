/** What containers run: an image's name with the digest of its content, or the content's id alone. */
import { Fragment } from 'react'
import { withShortDigest } from './short-digest.ts'

/** @param short the digest's beginning is shown, and the whole where a pointer rests. */
export function ImageDigest({ image, short = false }: { readonly image: string; readonly short?: boolean }) {
  const shown = short ? withShortDigest(image) : image
  return (
    <span className="font-mono text-xs [overflow-wrap:anywhere]" title={short ? image : undefined}>
      {/* Lines end between the parts of a name, where they can. */}
      {[...shown.matchAll(/@?[^/@]*\/?/g)].map(({ 0: part, index }) => (
        <Fragment key={index}>
          {part}
          <wbr />
        </Fragment>
      ))}
    </span>
  )
}
