/** What each front's request says of itself: the same head, however it was read. */
import type { FieldLines } from '../http1/field-lines.ts'
import type { BodyKind, ClientRequest } from './front.ts'
import type { RequestHead } from './request-rules.ts'

export class CallHead
  implements Pick<ClientRequest, 'method' | 'url' | 'headers' | 'body' | 'expectsContinue' | 'wantsUpgrade'>
{
  protected readonly head: RequestHead

  constructor(head: RequestHead) {
    this.head = head
  }

  get method(): string {
    return this.head.method
  }

  get url(): string {
    return this.head.url
  }

  get headers(): FieldLines {
    return this.head.headers
  }

  get body(): BodyKind {
    return this.head.body
  }

  get expectsContinue(): boolean {
    return this.head.expectsContinue
  }

  get wantsUpgrade(): boolean {
    return this.head.wantsUpgrade
  }
}
