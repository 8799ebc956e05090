/** Whose endpoints are shown. With one namespace there is nothing to choose, and it is only said. */
import { useNavigate } from '@tanstack/react-router'
import { ChevronsUpDown } from 'lucide-react'
import { Menu } from '../design/menu.tsx'
import { useNamespace, useNamespaces } from './namespace.ts'

export function NamespaceSwitch() {
  const namespace = useNamespace()
  const namespaces = useNamespaces()
  const navigate = useNavigate()
  const all = namespaces.includes(namespace) ? namespaces : [...namespaces, namespace]
  const name = (
    <>
      <span
        aria-hidden="true"
        className="grid size-5 shrink-0 place-items-center rounded-sm bg-accent-soft text-2xs font-semibold text-accent uppercase"
      >
        {namespace.slice(0, 1)}
      </span>
      <span className="min-w-0 flex-1 truncate font-medium">{namespace}</span>
    </>
  )
  if (all.length === 1) return <div className="flex h-8 items-center gap-2 px-2.5">{name}</div>
  return (
    <Menu
      trigger={
        <button
          type="button"
          aria-label={`Namespace ${namespace}`}
          className="flex h-9 w-full items-center gap-2 rounded-md px-2.5 text-left hover:bg-hover"
        >
          {name}
          <ChevronsUpDown className="size-3.5 text-faint" aria-hidden />
        </button>
      }
      items={({ MenuChoice }) => (
        <MenuChoice
          label="Namespace"
          value={namespace}
          choices={all.map((one) => ({ value: one, label: one }))}
          onValue={(chosen) => void navigate({ to: '/endpoints/$namespace', params: { namespace: chosen } })}
        />
      )}
    />
  )
}
