//! Plain values that the pipeline gives and takes, and that servers keep and send.

pub mod challenges;
pub mod liveness;
pub mod picture;
pub mod score;
pub mod template;

/// Reads and shows an enumeration by the `name` of each of its values, which `ALL` lists.
#[macro_export]
macro_rules! named {
    ($($named:ident),*) => {
        $(impl std::fmt::Display for $named {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $named {
            type Err = String;

            fn from_str(name: &str) -> Result<Self, String> {
                let known = Self::ALL.into_iter().find(|known| known.name() == name);
                known.ok_or_else(|| format!("'{name}' is none of {}", Self::ALL.map(Self::name).join(", ")))
            }
        })*
    };
}
