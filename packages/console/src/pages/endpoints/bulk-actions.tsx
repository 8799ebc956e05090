/** What can be done to several endpoints at once, and how it went with each. */
import { useQueryClient } from '@tanstack/react-query'
import { Pause, Play, Trash2, X } from 'lucide-react'
import { useState } from 'react'
import { ACTION_WORDS, act, actionRefusal, type EndpointAction } from '../../api/endpoint-actions.ts'
import { Button, IconButton } from '../../design/button.tsx'
import { Confirm } from '../../design/dialog.tsx'
import { toast } from '../../design/toast.tsx'
import { counted } from '../../text/quantities.ts'
import { sentenceOf } from '../../text/sentence-of.ts'
import type { EndpointRow } from './endpoint-row.ts'

/** Asked for at the same time; a hundred at once would only wait for each other. */
const AT_ONCE = 4
const MAX_NAMED = 8

export function BulkActions({
  namespace,
  rows,
  onClear,
}: {
  readonly namespace: string
  /** The selected ones. */
  readonly rows: readonly EndpointRow[]
  readonly onClear: () => void
}) {
  const queries = useQueryClient()
  const [doing, setDoing] = useState<EndpointAction>()
  const [isDeleting, setDeleting] = useState(false)
  const able = (action: EndpointAction) =>
    rows.filter((row) => actionRefusal(action, row.endpoint) === undefined)

  const run = async (action: EndpointAction) => {
    setDoing(action)
    const targets = able(action).map((row) => row.name)
    const failures = await actOnAll(action, namespace, targets)
    setDoing(undefined)
    setDeleting(false)
    onClear()
    const done = targets.length - failures.length
    if (done > 0) toast.done(`${ACTION_WORDS[action].label}: ${counted(done, 'endpoint')}.`)
    for (const { name, error } of failures) toast.failed(`${name} ${ACTION_WORDS[action].failed}`, error)
    await queries.invalidateQueries({ queryKey: ['endpoints', namespace] })
  }

  const refusal = (action: EndpointAction, sentence: string) =>
    able(action).length === 0 ? sentence : undefined
  const names = rows.slice(0, MAX_NAMED).map((row) => row.name)
  const phrase = `delete ${rows.length}`
  return (
    <div className="flex flex-wrap items-center gap-2" role="toolbar" aria-label="Selected endpoints">
      <span className="mr-1 text-sm font-medium">{counted(rows.length, 'endpoint')} selected</span>
      <Button
        icon={Pause}
        busy={doing === 'pause'}
        refusal={refusal('pause', 'All of them are paused already.')}
        onClick={() => run('pause')}
      >
        Pause
      </Button>
      <Button
        icon={Play}
        busy={doing === 'resume'}
        refusal={refusal('resume', 'None of them is paused.')}
        onClick={() => run('resume')}
      >
        Resume
      </Button>
      <Button icon={Trash2} onClick={() => setDeleting(true)}>
        Delete…
      </Button>
      <IconButton icon={X} label="Clear the selection" onClick={onClear} />
      <Confirm
        open={isDeleting}
        onClose={() => setDeleting(false)}
        title={`Delete ${counted(rows.length, 'endpoint')}?`}
        description={`${names.join(', ')}${rows.length > names.length ? ` and ${rows.length - names.length} more` : ''}. Their replicas stop, their URLs answer no more, and their revisions are gone for good.`}
        action={`Delete ${counted(rows.length, 'endpoint')}`}
        danger
        typedName={phrase}
        busy={doing === 'delete'}
        onConfirm={() => run('delete')}
      />
    </div>
  )
}

type Failure = { readonly name: string; readonly error: Error }

async function actOnAll(
  action: EndpointAction,
  namespace: string,
  names: readonly string[],
): Promise<readonly Failure[]> {
  const failures: Failure[] = []
  const waiting = [...names]
  const work = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      try {
        await act(action, namespace, name)
      } catch (error) {
        failures.push({ name, error: new Error(sentenceOf(error), { cause: error }) })
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, names.length) }, work))
  return failures
}
