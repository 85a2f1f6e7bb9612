//! Plain values that the pipeline takes and returns, and that servers keep and send.

pub mod challenges;
pub mod draws;
pub mod lights;
pub mod liveness;
pub mod picture;
pub mod score;
pub mod template;

/// Lists an enumeration's values, and displays and parses each by the name that strum derives for it.
#[macro_export]
macro_rules! named {
    ($($named:ident),*) => {
        $(impl $named {
            /// All values, in the order of the declaration.
            pub const ALL: [Self; <Self as strum::VariantArray>::VARIANTS.len()] =
                *<Self as strum::VariantArray>::VARIANTS.first_chunk().expect("it has as many");

            pub fn name(self) -> &'static str {
                self.into()
            }
        }

        impl std::fmt::Display for $named {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $named {
            type Err = String;

            fn from_str(name: &str) -> Result<Self, String> {
                let known = Self::ALL.into_iter().find(|known| known.name() == name);
                known.ok_or_else(|| format!("'{name}' is not one of {}", Self::ALL.map(Self::name).join(", ")))
            }
        })*
    };
}
