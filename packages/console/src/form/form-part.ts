/** What every part of an endpoint's form is given. */
import type { EndpointDraft } from './endpoint-draft.ts'

export type FormPart = {
  readonly draft: EndpointDraft
  readonly set: (changes: Partial<EndpointDraft>) => void
  /** What Berth said about the field of this dotted path, or about one below it. */
  readonly errorAt: (path: string) => string | undefined
}
