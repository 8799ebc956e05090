/** Said before and while a request waits for a replica. */
import { Note } from '../../../design/note.tsx'
import { useEndpoint } from '../endpoint-context.ts'

export function WakingNote({ waiting }: { readonly waiting: boolean }) {
  const { status } = useEndpoint()
  if (status.state === 'running' || status.state === 'updating' || status.state === 'updateFailed')
    return null
  if (status.state === 'paused' || status.state === 'failed') {
    return <Note tone="warn">{status.errorMessage ?? status.message}</Note>
  }
  return (
    <Note tone="busy">
      {waiting || status.state !== 'scaledToZero'
        ? status.message
        : 'It sleeps. Your first request wakes it.'}
    </Note>
  )
}
