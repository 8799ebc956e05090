/** What every part of the settings form is given. */
import type { EndpointDraft } from './endpoint-draft.ts'

export type FormPart = {
  readonly draft: EndpointDraft
  readonly set: (changes: Partial<EndpointDraft>) => void
  /** What is wrong with a field: found here, or said by the server about the field of this path. */
  readonly errorOf: (field: keyof EndpointDraft, path: string) => string | undefined
}
