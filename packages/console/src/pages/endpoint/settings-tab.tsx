/** What can be changed about the endpoint. */
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { client, fieldError } from '../../api/client.ts'
import { Button } from '../../design/button.tsx'
import { Card } from '../../design/card.tsx'
import { Field, Input } from '../../design/field.tsx'
import { toast } from '../../design/toast.tsx'
import { useEndpoint } from './endpoint-context.ts'

export function SettingsTab() {
  const { namespace, name, compute } = useEndpoint()
  const queries = useQueryClient()
  const [minReplica, setMinReplica] = useState(String(compute.scaling.minReplica))
  const [maxReplica, setMaxReplica] = useState(String(compute.scaling.maxReplica))
  const save = useMutation({
    mutationFn: () =>
      client.updateEndpoint({
        params: { namespace, name },
        body: { compute: { scaling: { minReplica: Number(minReplica), maxReplica: Number(maxReplica) } } },
      }),
    onSuccess: (endpoint) => {
      queries.setQueryData(['endpoint', namespace, name], endpoint)
      toast.done(`${name} is changed.`)
    },
    onError: (error) => toast.failed(`${name} could not be changed`, error),
  })
  return (
    <Card title="Replicas" className="max-w-xl" bodyClassName="flex flex-wrap items-end gap-3 p-4">
      <Field label="At least" className="w-28" error={fieldError(save.error, 'compute.scaling.minReplica')}>
        <Input inputMode="numeric" value={minReplica} onValue={setMinReplica} />
      </Field>
      <Field label="At most" className="w-28" error={fieldError(save.error, 'compute.scaling.maxReplica')}>
        <Input inputMode="numeric" value={maxReplica} onValue={setMaxReplica} />
      </Field>
      <Button look="primary" busy={save.isPending} onClick={() => save.mutate()}>
        Save
      </Button>
    </Card>
  )
}
