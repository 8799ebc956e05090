/** Making a token: what it may, how long, how much. Its text is shown once, here, and nowhere again. */
import type { TokenRole } from '@berth/contract'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { ChevronRight } from 'lucide-react'
import { useState } from 'react'
import { client, fieldError } from '../../api/client.ts'
import { tokensQuery } from '../../api/queries.ts'
import { Button } from '../../design/button.tsx'
import { CodeBlock } from '../../design/code-block.tsx'
import { Dialog } from '../../design/dialog.tsx'
import { Field, Input } from '../../design/field.tsx'
import { Note } from '../../design/note.tsx'
import { Select } from '../../design/select.tsx'
import { berthNow } from '../../text/clock.ts'
import { EMPTY_TOKEN_FORM, type TokenForm, tokenFrom } from './token-form.ts'

const ROLES: readonly { readonly value: TokenRole; readonly label: string; readonly hint: string }[] = [
  { value: 'read', label: 'Read', hint: 'Look at endpoints and call them' },
  { value: 'write', label: 'Write', hint: 'Create, change and delete as well' },
]

const LASTS: readonly { readonly value: TokenForm['lasts']; readonly label: string }[] = [
  { value: '7', label: 'A week' },
  { value: '30', label: '30 days' },
  { value: '90', label: '90 days' },
  { value: '365', label: 'A year' },
  { value: 'never', label: 'For ever' },
]

const LIMITS: readonly { readonly name: keyof TokenForm['limits']; readonly label: string }[] = [
  { name: 'requestsPerMinute', label: 'Requests per minute' },
  { name: 'tokensPerMinute', label: 'Tokens per minute' },
  { name: 'concurrentRequests', label: 'Requests at the same time' },
  { name: 'bodyBytes', label: 'Bytes of one request' },
  { name: 'requestSeconds', label: 'Seconds of one request' },
]

export function NewToken({ open, onClose }: { readonly open: boolean; readonly onClose: () => void }) {
  const [form, setForm] = useState(EMPTY_TOKEN_FORM)
  const queries = useQueryClient()
  const create = useMutation({
    mutationFn: () => client.createToken({ body: tokenFrom(form, berthNow()) }),
    onSuccess: () => queries.invalidateQueries({ queryKey: tokensQuery().queryKey }),
  })
  const close = () => {
    onClose()
    setForm(EMPTY_TOKEN_FORM)
    create.reset()
  }
  if (create.data) {
    return (
      <Dialog
        open={open}
        onClose={close}
        title={`Your token ${create.data.name}`}
        description="Copy it now: it is shown this once, and Berth keeps only its hash."
        actions={
          <Button look="primary" onClick={close}>
            I have copied it
          </Button>
        }
      >
        <CodeBlock code={create.data.token} label="token" wrap />
      </Dialog>
    )
  }
  const { error } = create
  const fields = ['name', 'role', 'expiresAt', 'limits']
  const atField = fields.some((field) => fieldError(error, field) !== undefined)
  return (
    <Dialog
      open={open}
      onClose={close}
      title="New token"
      actions={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button look="primary" type="submit" form="new-token" busy={create.isPending}>
            Create the token
          </Button>
        </>
      }
    >
      <form
        id="new-token"
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          create.mutate()
        }}
      >
        <Field label="Name" error={fieldError(error, 'name')} help="To recognise it by: who or what uses it.">
          <Input
            autoFocus
            required
            maxLength={60}
            value={form.name}
            onValue={(name) => setForm({ ...form, name })}
          />
        </Field>
        <div className="grid grid-cols-2 gap-4">
          <Field label="Role" error={fieldError(error, 'role')}>
            <Select value={form.role} choices={ROLES} onValue={(role) => setForm({ ...form, role })} />
          </Field>
          <Field label="Lasts" error={fieldError(error, 'expiresAt')}>
            <Select value={form.lasts} choices={LASTS} onValue={(lasts) => setForm({ ...form, lasts })} />
          </Field>
        </div>
        <details className="group">
          <summary className="inline-flex cursor-pointer list-none items-center gap-1 rounded-sm text-sm text-soft hover:text-ink">
            <ChevronRight className="size-3.5 transition-transform group-open:rotate-90" aria-hidden />
            Limits
          </summary>
          <div className="mt-3 grid grid-cols-2 gap-4">
            {LIMITS.map(({ name, label }) => (
              <Field key={name} label={label} error={fieldError(error, `limits.${name}`)}>
                <Input
                  inputMode="numeric"
                  placeholder="no limit"
                  value={form.limits[name]}
                  onValue={(value) => setForm({ ...form, limits: { ...form.limits, [name]: value } })}
                />
              </Field>
            ))}
          </div>
        </details>
        {error && !atField && <Note tone="bad">{error.message}</Note>}
      </form>
    </Dialog>
  )
}
