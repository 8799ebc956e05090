/** The pages of the console, in the order in which they are needed. */
import { Link, type LinkProps } from '@tanstack/react-router'
import { Cpu, KeyRound, Layers, Library, type LucideIcon, Settings } from 'lucide-react'
import { useNamespace } from './namespace.ts'

export function Navigation() {
  const namespace = useNamespace()
  return (
    <nav aria-label="Main" className="flex flex-1 flex-col gap-0.5 overflow-y-auto px-3 py-4">
      <NavigationLink icon={Layers} to="/endpoints/$namespace" params={{ namespace }}>
        Endpoints
      </NavigationLink>
      <NavigationLink icon={Library} to="/catalog">
        Catalog
      </NavigationLink>
      <NavigationLink icon={Cpu} to="/hardware">
        Hardware
      </NavigationLink>
      <NavigationLink icon={KeyRound} to="/tokens">
        Tokens
      </NavigationLink>
      <NavigationLink icon={Settings} to="/settings">
        Settings
      </NavigationLink>
    </nav>
  )
}

function NavigationLink({
  icon: Icon,
  children,
  ...link
}: LinkProps & { readonly icon: LucideIcon; readonly children: string }) {
  return (
    <Link
      {...link}
      className="flex h-8 items-center gap-2.5 rounded-md px-2.5 text-sm text-soft transition-colors hover:bg-hover hover:text-ink data-[status=active]:bg-pressed data-[status=active]:font-medium data-[status=active]:text-ink max-lg:h-11 max-lg:text-base"
    >
      <Icon className="size-4" strokeWidth={1.75} aria-hidden />
      {children}
    </Link>
  )
}
